UPDATE restore_under_way SET verified = true
