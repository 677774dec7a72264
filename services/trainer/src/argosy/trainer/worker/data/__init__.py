"""From files of records to tokens: sources and their shares, forms of records, chat templates."""
