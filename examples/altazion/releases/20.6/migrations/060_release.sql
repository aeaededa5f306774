UPDATE release SET version = '20.6';
