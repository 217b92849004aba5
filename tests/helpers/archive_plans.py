"""The plan of an archive as a list."""

from tf_colorize.archives import places, plan


def planned(source, target, **rules):
    """Returns the planned photos, and a dict of what was refused to the reason."""
    refused = {}
    both = (places.open_place(str(place)) for place in (source, target))
    return list(plan.items(*both, plan.Rules(**rules), refused.__setitem__)), refused
