"""What a client asks. Knows bodies and models; does not know connections, nor engines.

completion.py  reads a body, by the table in parameters.py (quick.py: the plain ones; checks.py,
               messages.py: the words)
fit.py         whether the model can
"""
