"""What the program must do, in the mail's figures where it can."""
