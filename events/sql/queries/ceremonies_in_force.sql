SELECT ceremonies_in_force()
