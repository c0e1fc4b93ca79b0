"""Releases of Gatefold on a machine: offered as files, installed side by side, switched by a restart."""
