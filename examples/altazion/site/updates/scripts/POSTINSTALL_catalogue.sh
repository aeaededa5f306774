#!/bin/sh
# There is no module of that name: Upkeep says so and does not run it.
echo "${UPKEEP_HOOK##*/} must not run" >>"$TRACE"
