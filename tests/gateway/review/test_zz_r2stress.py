import asyncio, random
from sqlalchemy import text
from gateway.storage.engine import Database
from gateway.holds.orders import HeldOrders
from gateway.holds.errors import HoldError
from gateway.tasks.errors import TaskError
from gateway.tasks.acts import Said
from gateway.tasks.fades import Fades
from gateway.tasks.unserved import Unserved
from gateway.tasks.elsewhere import Sourced
from gateway.sourcing.orders import Orders
from gateway.sourcing.quotes import Quotes
from gateway.holds.sweeper import Sweeper
from gateway.ledger.picture import SkuKey
from tests.gateway.holds.rig import Rig
from tests.gateway.small_store import SHIRT_M
from tests.gateway.tasks.task_rig import *
from tests.gateway.tasks.test_order_tasks import EAST, SHIRTS_M

WEST="store-003"

async def test_stress(postgres_url):
    import os; rnd=random.Random(int(os.environ.get('SEED','7')))
    dbs=[Database(postgres_url), Database(postgres_url)]
    rig=await Rig(dbs[0]).open(EAST, WEST)
    import itertools, threading
    gws=[]
    for db in dbs:
        r=Rig(db, rig.clock, rig.names, rig.requests)
        t=TaskRig.over(r)
        s=Sourced(db, r.clock, Orders(Quotes(db, r.clock), t.holds))
        t.resourcing.next_best=s
        gws.append((t, HeldOrders(db, r.clock, r.names, follow_up=t.follow_up), Fades(db,r.clock,r.names,t.resourcing), Unserved(db,r.clock,t.resourcing), Sweeper(db,r.clock)))
    for site in (SITE.id, EAST, WEST):
        await rig.put(*[f"{site[-1]}{i}" for i in range(3 if site==SITE.id else 40)], site=site)
        await rig.put(*[f"m{site[-1]}{i}" for i in range(3 if site==SITE.id else 40)], site=site, gtin=SHIRT_M)
    names=[]; q=[0]; units={}; released=set()
    errors={}; fold=asyncio.Lock()
    async def one(i):
        g=gws[i%2]; t,o,f,u,sw=g
        try:
            act=rnd.random()
            if act<.2 or not names:
                site=SITE.id
                w={SkuKey(site,SHIRT_S):rnd.choice((1,2))}
                if rnd.random()<.5: w[SkuKey(site,SHIRT_M)]=1
                q[0]=q[0]; nm=(await t.order(w, mode=rnd.choice(("ship_from_store","ship_from_store","pickup")))); names.append(nm); units[nm]=sum(w.values())
            elif act<.5:
                n=rnd.choice(names); r=await t.holds.get(WEB,n)
                items=[(l.gtin,x.digital_link.rpartition("/")[2]) for l in r.lines for x in l.items]
                if items: 
                    it=rnd.choice(items)
                    await asyncio.gather(t.holds.pick_miss(WEB,n,it), gws[(i+1)%2][0].holds.pick_miss(WEB,n,it), return_exceptions=False)
            elif act<.55:
                n=rnd.choice(names); released.add(n); await o.release(WEB,n)
            elif act<.65: await t.holds.pick(WEB,rnd.choice(names))
            elif act<.7: await t.holds.fulfil(WEB,rnd.choice(names))
            elif act<.8:
              async with fold:
                site=rnd.choice((SITE.id,EAST,WEST)); await rig.put(f"{site[-1]}{rnd.randrange(40)}", site=site, chance=rnd.choice((.3,.6,1.0,1.0))); await rig.put(f"n{i}{rnd.random()}"[:12], site=SITE.id)
            elif act<.87: await f.sweep()
            elif act<.92: await u.sweep()
            elif act<.96: await t.sweeper.sweep()
            else:
                rig.clock.advance(31); await sw.sweep()
        except (HoldError, TaskError) as e:
            errors[type(e).__name__]=errors.get(type(e).__name__,0)+1
    async def worker(k):
        for j in range(60): await one(k)
    res=await asyncio.gather(*(worker(k) for k in range(6)), return_exceptions=True)
    print([repr(r)[:600] for r in res if r], errors)
    async with dbs[0].read() as c:
        print("deadlocks", (await c.execute(text("select deadlocks from pg_stat_database where datname=current_database()"))).scalar())
    print(gws[0][0].resourcing.counters(), gws[1][0].resourcing.counters(), gws[0][2].counters(), gws[0][3].counters(), len(names))
    await rig.check()
    from sqlalchemy import select
    from gateway.storage.commerce import reservation as R, reservation_line as L
    async with dbs[0].read() as c:
        rows=(await c.execute(select(R.c.id,R.c.order_id,R.c.state,L.c.quantity).join(L,L.c.reservation==R.c.id))).all()
    tot={}
    for r in rows:
        if r.state in ("confirmed","picked","fulfilled"):
            k=r.order_id or r.id; tot[k]=tot.get(k,0)+r.quantity
    for n,u in units.items():
        assert tot.get(n,0)<=u,(n,u,tot.get(n))
        if n not in released: assert tot.get(n,0)==u,(n,u,tot.get(n,0))
    print("orders ok", len(units), "multi", sum(1 for r in rows if r.order_id))
    for d in dbs: await d.close()
