UPDATE release SET version = '20.5';
