"""Tables, figures, numbers, the book and the export: records first, rendering second."""
