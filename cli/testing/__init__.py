"""`tailgate test`: the tests of rule files, run through the real pipeline with a time of their own."""
