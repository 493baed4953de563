"""Stock operations: sales, returns, receipts, transfers, counts and adjustments, as tills, ERP and people tell them.

Each operation is one transaction, and one only, however often it is sent (`gateway.trade.once`):

1. the sender's name of the event is taken;
2. the SKUs' rows of `stock` are locked, in the order of (site, GTIN);
3. states and untagged units are posted (`gateway.ledger.accounts`), a reservation that is paid or collected is used up;
4. what can be promised follows, with its events (`gateway.ledger.retell`);
5. references, the audit, and last the evidence for the presence engine: an entry of each site's log, marked `posted`.

So what is sold can be promised to nobody from the commit on, and not only when a reader has noticed. Goods are named by
item (GTIN and serial), or by GTIN and quantity. A quantity that is sold may be of units without tags, or of items of
which nobody knows yet which ones left: those are *unplaced*, and lower what can be promised until the fold finds them.
"""
