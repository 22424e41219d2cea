-- Fails while one of them owns something or was given more by hand; end their connections first.
drop role if exists eventflow_pipeline_login;
drop role if exists eventflow_capture_login;
drop role if exists eventflow_serve_login;
drop role if exists eventflow_bi_login;
