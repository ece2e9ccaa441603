#!/bin/sh
# From a clone to a tree that can be configured.
set -e
cd "$(dirname "$0")"
autoreconf --install --force
