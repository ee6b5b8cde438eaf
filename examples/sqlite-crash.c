// SPDX-License-Identifier: Apache-2.0
//
// A program that crashes deep inside a library: SQLite runs a query and calls
// back into an SQL function of ours, which follows a null pointer on the third
// row. scripts/demo links it with the plugin, strips it and runs it.
#include "pclnrt.h"
#include "sqlite3.h"

#include <stdio.h>
#include <stdlib.h>

struct customer {
  const char *name;
  int discount; // percent
};

static const struct customer customers[] = {{"Ada", 10}, {"Grace", 5}};

static const struct customer *find_customer(int id) {
  for (size_t i = 0; i < sizeof customers / sizeof customers[0]; i++)
    if ((int)i + 1 == id)
      return &customers[i];
  return NULL;
}

// The bug: nobody asks whether the customer was found.
static inline int discount_of(const struct customer *c) { return c->discount; }

static inline double price_for(int id, double price) {
  return price * (100 - discount_of(find_customer(id))) / 100;
}

static void sql_price(sqlite3_context *context, int n, sqlite3_value **args) {
  (void)n;
  sqlite3_result_double(context, price_for(sqlite3_value_int(args[0]),
                                           sqlite3_value_double(args[1])));
}

static int print_row(void *data, int n, char **values, char **names) {
  (void)data, (void)n, (void)names;
  printf("  customer %s pays %s\n", values[0], values[1]);
  fflush(stdout);
  return 0;
}

static void print_orders(sqlite3 *db) {
  char *error = NULL;
  if (sqlite3_exec(db, "select customer, price(customer, sum) from orders",
                   print_row, NULL, &error) != SQLITE_OK) {
    fprintf(stderr, "%s\n", error);
    exit(1);
  }
}

int main(void) {
  if (pclnrt_crash_install(2) != PCLN_OK)
    return 1;
  sqlite3 *db;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
      sqlite3_create_function(db, "price", 2, SQLITE_UTF8, NULL, sql_price,
                              NULL, NULL) != SQLITE_OK ||
      sqlite3_exec(db,
                   "create table orders(customer, sum);"
                   "insert into orders values (1, 100), (2, 80), (3, 60)",
                   NULL, NULL, NULL) != SQLITE_OK)
    return 1;
  print_orders(db);
  return sqlite3_close(db);
}
