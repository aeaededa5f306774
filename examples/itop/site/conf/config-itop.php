<?php
$MySettings = array('app_root_url' => 'http://127.0.0.1/itop/');
