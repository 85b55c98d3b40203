"""The executed chapters as a static site: numbered, searchable, safe, and without a network."""
