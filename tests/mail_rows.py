"""The rows that the mail of 2018 draws, as they stand in it; the sentences between are our own.

Source: Eric Blake to libvir-list, 2018-06-26.
"""

DRAWN = """\
The base image is created at T1, and B1 with it.
S1: |--------|
B1: |--------|
guest sees: |--------|
At T2 the guest has written A.
S1: |AAAA----|
B1: |XXXX----|
guest sees: |AAAA----|
Then a snapshot puts S2 on top, with a bitmap of its own.
S1: |AAAA----| <- S2: |--------|
B1: |XXXX----| B2: |--------|
The base is copied, now that nobody writes to it.
S1.bak: |AAAA----|
At T3 the guest has written B.
S1: |AAAA----| <- S2: |---BBB--|
B1: |XXXX----| B2: |---XXX--|
guest sees: |AAABBB--|
B2 is frozen there and B3 begins, and two backups are taken.
S1: |AAAA----| <- S2: |---BBB--|
B1: |XXXX----| B2: |---XXX--|
B3: |--------|
full3.bak (no checkpoint as starting point): |AAABBB--|
B2.bak (checkpoint B2 as starting point): |---BBB--|
At T4 the guest has written D.
S1: |AAAA----| <- S2: |D--BBDD-|
B1: |XXXX----| B2: |---XXX--|
B3: |X----XX-|
guest sees: |DAABBDD-|
B4 begins, and there are three backups to choose from.
full4.bak (no checkpoint as starting): |DAABBDD-|
S2_3.bak (B2 as starting point, covering merge of B2 and B3): |D--BBDD-|
S3.bak (B3 as starting point): |D----DD-|
Whoever reads B2 alone at T4 gets |---BBD--|, which the guest never saw.
"""
