// What the compiler cannot know: which element of index.html has a name, and what our own events carry.
interface ParentNode {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
}
interface NonElementParentNode {
  getElementById(id: string): any;
}
interface Document {
  querySelector(selectors: string): any;
  querySelectorAll(selectors: string): NodeListOf<any>;
  getElementById(id: string): any;
}
interface EventTarget {
  addEventListener(type: string, listener: (event: any) => any, options?: any): void;
}
// What the build puts in front of service_worker.js.
declare const BUILD: { version: string; files: Record<string, string> };
