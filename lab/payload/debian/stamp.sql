insert into stamp (at) values (clock_timestamp());
