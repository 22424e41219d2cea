-- Fails while one of them owns something or was given more by hand; end their connections first.
drop role if exists eventflow_pipeline_login, eventflow_capture_login, eventflow_serve_login, eventflow_bi_login;
