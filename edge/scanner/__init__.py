"""What barcode scanners send: taken apart, read as text, gathered in count sessions. Pure: no port, no clock."""
