"""Configuration files in the portal: saving, automatic backups, and the steps of loading one."""
