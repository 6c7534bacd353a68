"""From the settings that a file or a user gives to the network that they describe."""
