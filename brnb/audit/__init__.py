"""The dissertation checks itself: every claim of the documents, recomputed, and its verdict."""
