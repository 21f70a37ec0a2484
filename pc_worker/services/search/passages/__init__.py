"""What is shown of a hit: its best passage, the words of the query in it, the rows that it joins."""
