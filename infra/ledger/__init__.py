"""What has been accepted, decided, allowed and sent: kept in SQL, chained, and read back."""
