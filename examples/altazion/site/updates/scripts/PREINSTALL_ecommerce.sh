#!/bin/sh
# Writes down when it ran, where, and what users saw of the shop at that moment.
shop=normal
for page in "$E_MODULE_PATH"../ecommerce/app_offline.htm "$E_MODULE_PATH"../ecommerce/app_offline.html; do
	[ -e "$page" ] && shop=offline
done
backup=missing
for point in "$E_BACKUP_PATH"*-origin/restore-point.json; do
	[ -e "$point" ] && backup=there
done
echo "${UPKEEP_HOOK##*/} $UPKEEP_PHASE $UPKEEP_COMPONENT shop=$shop version=$(cat "${E_MODULE_PATH}version.txt") module=$E_MODULE_PATH backup=$backup $E_BACKUP_PATH" >>"$TRACE"
