"""What the project asks to be fast or small, measured against its peers in the same run."""
