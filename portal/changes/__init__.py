"""What people do with changes that are committed already: settle conflicts, go back."""
