<<<<<<< HEAD
"""The rules and what they stand on."""
=======
"""What can be restored."""
>>>>>>> c563f81 (checks: what a backup of changes claims is judged when it is made)
