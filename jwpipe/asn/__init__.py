"""Pools, rules and associations: which exposures belong together, and what is made of them.

A *pool* is a table of exposures. A *rule* states what the exposures of one kind of association have in common.
An *association* is the outcome: named products, each with its members. `jwpipe.asn.generate` makes associations
of a pool; `jwpipe.asn.document` reads and writes them; `jwpipe.asn.tools` makes and changes them by hand.
"""
