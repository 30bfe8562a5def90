SELECT confirm_append()
