-- Columns of EventFlow's tables as they are here: table_name, column_name, data_type (information_schema names).
select table_name, column_name, data_type
from information_schema.columns
where table_schema = 'public'
