-- Run deferred constraints now, where their error can be named.
SET CONSTRAINTS ALL IMMEDIATE
