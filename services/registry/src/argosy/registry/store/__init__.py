"""Tables of the schema `registry`, one module an aggregate. The only place with SQL."""
