"""What the user sees: console, tables, the page."""
