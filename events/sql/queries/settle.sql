-- What is checked at the end of the transaction is checked now, where its error can be named.
SET CONSTRAINTS ALL IMMEDIATE
