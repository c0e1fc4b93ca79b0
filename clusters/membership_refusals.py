"""Why an operation on the cluster was refused; nothing has changed when one is raised.

Refused
  MembershipRefused
    InCluster  NotInCluster  NotThisMachine  PendingDrafts
    AlreadyMember  AlreadyNamed  BadName  BadAddress  BadKey  OwnSettingsOnly
    LastGroup  GroupInUse  OtherRelease  NotEnrolled  Apart
"""

from clusters.refusals import Refused


class MembershipRefused(Refused):
    """The root of the refusals of this page."""


class InCluster(MembershipRefused):
    """The machine is in a cluster, and a machine is in at most one (CL-17)."""


class NotInCluster(MembershipRefused):
    """The machine is standalone."""


class NotThisMachine(MembershipRefused):
    """The operation is done on another machine than the one it is about (JN-01)."""


class PendingDrafts(MembershipRefused):
    """Somebody's uncommitted changes would be lost (CR-06)."""


class AlreadyMember(MembershipRefused):
    """A member, or a pending join, has that serial number."""


class AlreadyNamed(MembershipRefused):
    """Something else of the cluster has that name (CR-08)."""


class BadName(MembershipRefused):
    """A name that is empty, too long, or cannot be printed."""


class BadAddress(MembershipRefused):
    """No address, or one of the other style: names and addresses are never mixed (CL-13)."""


class BadKey(MembershipRefused):
    """A text that is no OpenSSH public key (JN-20)."""


class OwnSettingsOnly(MembershipRefused):
    """A joining machine brought settings that the cluster shares (JN-19)."""


class LastGroup(MembershipRefused):
    """A cluster has at least one group (CL-02)."""


class GroupInUse(MembershipRefused):
    """A group with machines is deleted only with a group that receives them (GRP-06)."""


class OtherRelease(MembershipRefused):
    """Connected members never differ in release (CL-12, JN-08, UPG-08)."""


class NotEnrolled(MembershipRefused):
    """The snapshot is of a cluster that has not taken this machine in."""


class Apart(MembershipRefused):
    """A member that is disconnected takes nobody in: the others would not know the newcomer (SYN-06)."""
