from __future__ import annotations

import stat

import asyncssh
import pytest

from appliances.links.identity import InvalidKey, Keys, KeyTrouble, canonical_key, fingerprint


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path):
    home = tmp_path / "keys"

    first = Keys.first_of_home(home)
    again = Keys.of_home(home)

    assert (first.host_public, first.user_public) == (again.host_public, again.user_public)
    assert first.host_public != first.user_public
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
    assert len(list(home.iterdir())) == 2


def test_keys_with_an_open_file_are_refused(tmp_path):
    Keys.first_of_home(tmp_path)
    (tmp_path / "host_ed25519").chmod(0o644)

    with pytest.raises(KeyTrouble, match="chmod 600"):
        Keys.of_home(tmp_path)


@pytest.mark.parametrize("name", ["host_ed25519", "user_ed25519"])
def test_keys_with_a_missing_file_are_refused_and_none_is_made(tmp_path, name):
    """TRL-29: peers would take a new one for an intruder."""
    Keys.first_of_home(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(KeyTrouble, match=rf"{name} is missing.*backup"):
        Keys.of_home(tmp_path)

    assert not (tmp_path / name).exists()


def test_keys_with_a_damaged_file_are_refused_and_the_file_stays(tmp_path):
    Keys.first_of_home(tmp_path)
    (tmp_path / "user_ed25519").write_text("half a key")

    with pytest.raises(KeyTrouble, match="user_ed25519 is damaged"):
        Keys.of_home(tmp_path)

    assert (tmp_path / "user_ed25519").read_text() == "half a key"


def test_keys_read_from_text_are_the_same():
    keys = Keys.make()

    copy = Keys.read(keys.host.export_private_key().decode(), keys.user.export_private_key().decode())

    assert copy.host_public == keys.host_public


def test_fingerprint_is_that_of_ssh_keygen(tmp_path):
    import subprocess

    keys = Keys.make()
    path = tmp_path / "key.pub"
    path.write_text(keys.host_public)
    shown = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout

    assert shown.split()[1] == fingerprint(keys.host_public)


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_canonical_key_takes_modern_kinds_with_comment_and_line_breaks(kind):
    text = asyncssh.generate_private_key(kind).export_public_key().decode().strip()
    word, data = text.split()[:2]
    pasted = f"  {word} {data[:30]}\n{data[30:]}\n"

    assert canonical_key(pasted) == f"{word} {data}"
    assert canonical_key(f"{text} somebody@example.com\n") == f"{word} {data}"


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "hello there", "\x00 \x00", "ssh-rsa ☃☃☃☃"]
)
def test_canonical_key_refuses_what_is_no_key(text):
    with pytest.raises(InvalidKey):
        canonical_key(text)


def test_canonical_key_refuses_old_and_short_keys():
    dss = asyncssh.generate_private_key("ssh-dss").export_public_key().decode()
    short = asyncssh.generate_private_key("ssh-rsa", key_size=1024).export_public_key().decode()

    with pytest.raises(InvalidKey, match="too weak"):
        canonical_key(dss)
    with pytest.raises(InvalidKey, match="2048"):
        canonical_key(short)
