"""How Django's admin writes times: as the portal's pages do, in UTC and saying so."""
