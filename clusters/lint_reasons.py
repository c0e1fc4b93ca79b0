"""Why each piece of advice is given: the best practice behind it (BP-01..BP-10), and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

WHY: Mapping[str, str] = {
    "L01": _("Two things with one name are mixed up in prompts, menus and commands. Rename the group."),
    "L02": _(
        "A word of the cluster's name stands in the name of one group alone, or in the host names of the"
        " machines of one group alone, and other groups do without: the name seems to mean one site of"
        " several. People then look for all machines at that site. Name the cluster after what all have in"
        " common, and the groups after the sites. If the word means something else, put this aside."
    ),
    "L03": _(
        "Machines join into this group. People and manuals look for Main_Group; keep that name for the main"
        " site and make groups of their own for other sites (BP-04)."
    ),
    "L04": _(
        "Without a value at the cluster these machines run with an empty table. A value at the cluster also"
        " serves machines that join later, even if all groups have their own now (BP-08)."
    ),
    "L05": _(
        "A copy is independent: a later change above does not reach it. Deleted here, the value stays the"
        " same and follows the cluster again (BP-01, BP-09)."
    ),
    "L06": _(
        "The more is set at single machines, the less one change at the cluster reaches. Keep as much as"
        " possible at the cluster (BP-01)."
    ),
    "L07": _("Several exceptional machines that share a setting are a group (BP-03)."),
    "L08": _(
        "One exceptional machine needs settings of its own, not a group (BP-03). A group is for what several"
        " share."
    ),
    "L09": _(
        "A listener is best made once, at the cluster, and inherited. That needs the same interface names on"
        " all machines; where a name is missing the listener is disabled (DEP-05, DEP-06)."
    ),
    "L10": _(
        "One role under one name everywhere: filters, statistics and people find it again, and one setting at"
        " the cluster can serve all."
    ),
    "L11": _(
        "CCS is for sites whose firewalls block SSH between members. If they do not, it is one more open port"
        " without use (COM-13)."
    ),
    "L12": _(
        "Every machine talks to others each minute. Above twenty members links fail more often, and it takes"
        " longer until all have heard. Several clusters, or groups that share much, are easier to run."
    ),
    "L13": _(
        "Members find one another by name or by address, not by both: a certificate, a reverse lookup or a"
        " firewall rule that fits one style fails for the other (CL-13)."
    ),
    "L14": _(
        "The setting exists and does nothing on these machines, silently. Promote what is missing to the"
        " cluster, or demote what refers to it to the machines that have it (DEP-04)."
    ),
    "L15": _(
        "A change that is being tried would reach machines that serve, and what is shared would be tried with"
        " them. Laboratory machines have a cluster with a name of its own (BP-07)."
    ),
    "L16": _(
        "What is changed meanwhile meets what is changed on the machine itself: the later change wins when it"
        " returns. Wait with changes until it is back."
    ),
    "L17": _(
        "People administer from a machine on which they can log in. A machine has its command line over SSH"
        " alone; CCS carries cluster traffic and takes no logins. Should this machine lose its links, nobody"
        " can mend it over the network. Turn SSH on at one of its interfaces (interfaceconfig), in the"
        " machine's mode, from any other member."
    ),
    "L18": _(
        "What a join, a removal, a load or an upgrade has changed cannot be taken back from an older file."
        " Save the configuration: saveconfig on a machine, a backup on the portal. A portal makes a backup"
        " each day by itself; machines leave the watch to a portal that follows them (BP-06)."
    ),
    "L19": _("Members of different releases do not connect and do not share changes. Upgrade all (CL-12)."),
    "L20": _(
        "A machine that joins, or moves to another group, gets an empty table. Keep a value at the cluster"
        " even if all groups have their own (BP-08)."
    ),
    "L21": _(
        "Members call one another by the main host name. If it leads to an address on which neither SSH nor"
        " CCS is on, the machine counts as down although it runs (COM-06, COM-07). Mend the entry in DNS, or"
        " turn SSH on at that interface. Nothing is said of a machine that answers under its name all the"
        " same, as behind an address translator."
    ),
    "L22": _(
        "One service works only with another: a listener with the texts that it names, and mail that it takes"
        " for domains with the SMTP routes by which it leaves. The mode below has an empty table, which hides"
        " the one above (CL-10); what is on above does half of its work there, or loses mail. Delete the"
        " empty table, or switch off there what depends on it, too (GUI-06)."
    ),
    "L23": _(
        "Whoever edits while machines join, leave, restart or change their release commits into a cluster"
        " that is not whole: changes reach some machines late, and pending ones can meet modes that are gone."
        " Ask the others to commit or clear, and to log out, until the operation is over (JN-22)."
    ),
    "BP-04": _(
        "Whoever joins begins in this group and runs with its settings until somebody moves it. If the main"
        " site lives there, that is harmless."
    ),
}
