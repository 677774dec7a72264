"""From a checked request to an answer that has begun. Does not know clients.

routes.py      aliases, shares and fallbacks
dispatcher.py  finds a replica and an answer (pool_way.py: what it keeps for a pool; budget.py: how
               many tries; errand.py: one request's way; salt.py: the wall between projects)
refusal.py     what an engine's refusal means (attempts.py: counts; explanation.py: for people)
"""
