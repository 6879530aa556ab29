"""Who is who, in all files alike."""

from __future__ import annotations

from simkit.audit.checking import Case, Measured, check, same_length, worst
from simkit.audit.stored import NotStored


@check(
    "identity",
    "ids and names that labels.json, gt.json, params.json and the models give differently",
)
def identity(case: Case) -> Measured:
    rows, image = case.image.of_instances("identity"), case.image
    same_length(rows, case, "labels.json")
    found = []
    for place, (row, thing) in enumerate(zip(rows, image.things, strict=True)):
        shape = thing.shape
        pairs = [("obj_id", row["obj_id"], shape.obj_id), ("category", row["category"], shape.category),
                 ("category_id", row["category_id"], shape.category_id)]  # fmt: skip
        if image.complete:
            number = int(image.instance_ids[place])
            body = image.bodies[number - 1]
            pairs += [("instance_id", row["instance_id"], number), ("name", row["name"], body.name),
                      ("model", row["model"], body.shape.name),
                      ("scale", list(row["scale"]), body.scale.tolist())]  # fmt: skip
        wrong = [f"{name} {one}, not {other}" for name, one, other in pairs if one != other]
        found.append((len(wrong), f"instance {place}: {'; '.join(wrong)}" if wrong else ""))
    ids = [row["instance_id"] for row in rows]
    found.append((len(ids) - len(set(ids)), "an instance_id stands twice"))
    return worst(found, 0)


@check("obj_id", "instances whose obj_id in gt.json is not that of their model")
def obj_id(case: Case) -> Measured:
    given = case.image.obj_ids
    things = case.things()
    wrong = [
        i for i, (one, t) in enumerate(zip(given, things, strict=True)) if one != t.shape.obj_id
    ]
    return Measured(len(wrong), 0, f"instances {wrong}" if wrong else "")


@check("models", "models whose triangles are not those that the data set was made with")
def models(case: Case) -> Measured:
    known = case.image.mesh_hashes
    if not known:
        raise NotStored("dataset.json: mesh_hash")
    used = {body.shape.name: body.shape for body in [*case.image.bodies, *case.image.things]}
    wrong = [name for name, one in used.items() if known.get(name, one.mesh_hash) != one.mesh_hash]
    return Measured(len(wrong), 0, ", ".join(wrong))
