"""What the page stores in the browser, as its visitor sees it and in the database."""

import web_browser

DATABASE = "tf-colorize-photos"
COUNT = """(name) => new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
        const database = request.result, stores = [...database.objectStoreNames];
        const transaction = database.transaction(stores);
        const counts = stores.map((one) => transaction.objectStore(one).count());
        const close = () => { database.close(); resolve(counts.map(({result}) => result)); };
        transaction.oncomplete = close;
    };
})"""

EDITS = """(name) => new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => {
        const database = request.result, edits = database.transaction("edits").objectStore("edits").getAll();
        edits.onsuccess = () => { database.close(); resolve(edits.result); };
    };
})"""
# As browsers do where the disk is full. (Chromium, with a profile on a full disk, did.)
FILL = """() => {
    const add = IDBObjectStore.prototype.add;
    IDBObjectStore.prototype.add = function (...values) {
        if (window.isFull) throw new DOMException("full", "QuotaExceededError");
        return add.apply(this, values);
    };
    window.isFull = true;
}"""
REFUSE = "Object.defineProperty(self, '{0}', {{ get() {{ throw new DOMException('denied', 'SecurityError'); }} }})"


def refuse(page):
    """Makes a browser that stores nothing."""
    for name in ("indexedDB", "localStorage"):
        page.add_init_script(REFUSE.format(name))


def another_page(visitor):
    """The same visitor in another window."""
    return web_browser.Visitor(visitor.page.context.new_page(), visitor.page.url)


def names(visitor):
    return visitor.page.locator("#photos .thumb").evaluate_all("all => all.map(({title}) => title)")


def puts_colored_dot(visitor, x, y, color):
    visitor.puts_dot(x, y)
    visitor.page.fill("#code", color)
    visitor.page.locator("#code").blur()


def dots(visitor):
    return visitor.page.locator(".dot").evaluate_all("all => all.map(({ariaLabel}) => ariaLabel.slice(7))")


def until_kept(visitor, count):
    visitor.sees("#kept", "1 photo (" if count == 1 else f"{count} photos (")
