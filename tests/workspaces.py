"""What does a small, wholly valid workspace look like? Two stores, a DC, a supplier, two items."""

from pathlib import Path

from tests.authority_worlds import TABLE_YAML

FILES = {
    "replan.toml": "",
    "authority.yaml": TABLE_YAML,
    "planners.yaml": """\
planners:
- {login: ada, roles: [planner-east], regions: [EAST], limit_minor: 1000000, delegate_to: max}
- {login: max, roles: [planner-lead], regions: ["*"], limit_minor: null, active: true}
- {login: pia, roles: [process-owner, operator], regions: ["*"], limit_minor: 0}
""",
    "risk_record.yaml": """\
classification: not_high_risk
intended_use: re-planning of stock between stores
excluded_use: [monitoring of single workers]
rationale: no safety component
signed_by: pia
signed_on: 2026-01-10
expires_on: 2027-01-10
""",
    "network/items.csv": """\
item,description,category,abc,uom,unit_cost_minor,unit_price_minor,currency,shelf_life_days
MILK,"Milk, fresh",DAIRY,A,EA,80,129,EUR,9
RICE,,STAPLES,B,EA,150,249,EUR,
""",
    "network/sites.csv": """\
site,kind,region,timezone,priority
S1,store,EAST,Europe/Berlin,1
S2,store,WEST,Europe/Berlin,2
DC,dc,EAST,Europe/Berlin,1
SUP,supplier,ABROAD,Europe/Paris,1
""",
    "network/lanes.csv": """\
lane,origin,destination,mode,lead_time_days_p50,lead_time_days_p90,fixed_cost_minor,\
unit_cost_minor,min_qty,lot_multiple,capacity_units_per_day,cutoff_local,departures
L12,S1,S2,van,0.5,1,1500,10,0,6,200,14:00,"mon,wed,fri"
L21,S2,S1,van,1,2,1500,10,12,6,,,
""",
    "network/supply.csv": """\
supplier,item,site,approved,lead_time_days_p50,lead_time_days_p90,moq,lot_multiple,\
expedite_days_saved,expedite_fixed_minor,expedite_unit_minor,\
buffer_qty,buffer_lead_time_days,buffer_unit_premium_minor,contract_clause
SUP,MILK,S1,true,2,3,12,12,1,5000,5,,,,C-4.2
SUP,MILK,S2,true,2,3,12,12,,,,,,,
SUP,RICE,S1,false,7,9.5,0,10,,,,100,2,15,C-7
""",
    "network/stocking.csv": """\
item,site,service_level,review_period_days,order_up_to,holding_minor_per_unit_day,\
shortage_minor_per_unit
MILK,S1,0.95,1,60,0.25,
MILK,S2,0.95,1,40.5,0.25,90
RICE,S1,0.9,7,30,0.1,
""",
}


def write_workspace(root: Path, **changed: str) -> Path:
    """Writes the files; a keyword such as `network_items_csv` replaces one, `planners_yaml=""`
    empties it."""
    contents = dict(FILES)
    by_keyword = {name.replace("/", "_").replace(".", "_"): name for name in FILES}
    for keyword, text in changed.items():
        contents[by_keyword[keyword]] = text
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    return root


def edited(name: str, old: str, new: str) -> str:
    """A file of the valid workspace with one passage replaced."""
    assert FILES[name].count(old) >= 1, f"{old!r} does not stand in {name}"
    return FILES[name].replace(old, new, 1)
