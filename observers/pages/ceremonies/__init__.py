"""The pages of ceremonies: the list, one ceremony, proposing and approving."""
