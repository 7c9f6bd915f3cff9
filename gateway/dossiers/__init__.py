"""What the gateway knows of dossiers: the status algebra, the view that mappings read, beliefs."""
