#!/bin/sh
# The new version brings its own web.config: this site's settings go in again.
set -e
config="${E_MODULE_PATH}web.config"
sed -i -e 's:<rootFolder>.*</rootFolder>:<rootFolder>D\:/shop</rootFolder>:' -e 's:<kind>.*</kind>:<kind>Release</kind>:' "$config"
shop=normal
[ -e "${E_MODULE_PATH}app_offline.htm" ] && shop=offline
echo "${UPKEEP_HOOK##*/} $UPKEEP_PHASE $UPKEEP_COMPONENT shop=$shop version=$(cat "${E_MODULE_PATH}version.txt") module=$E_MODULE_PATH" >>"$TRACE"
