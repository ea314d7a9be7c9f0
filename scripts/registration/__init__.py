"""Makes the registration in Entra that people sign in to."""
