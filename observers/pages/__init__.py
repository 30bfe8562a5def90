"""The pages of the portal. All of them can be read without JavaScript."""
