"""Raw edits for those who run the portal itself."""
