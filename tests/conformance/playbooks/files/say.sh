#!/bin/sh
echo "said: $*"
id -un
[ "$1" != fail ] || exit 7
