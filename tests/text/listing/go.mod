module listing

go 1.21
